"""Text that is no table."""

LOG = """\
2024-01-01 10:00:00 INFO  server: listening on port 8080
2024-01-01 10:00:01 INFO  server: GET /index.html 200
2024-01-01 10:00:01 WARN  cache: miss for key 17
2024-01-01 10:00:02 INFO  server: GET /style.css 200
2024-01-01 10:00:09 ERROR server: connection reset by peer
2024-01-01 10:00:10 INFO  server: GET /favicon.ico 404
"""
PROSE = """\
Call me Ishmael. Some years  ago never mind how long
precisely having little or  no money in my purse and
nothing particular to interest me on shore I thought
I would sail about a little and see the watery  part
of the world. It is a way I have of driving off  the
spleen and regulating the circulation. Whenever I am
"""
