"""The whole pipeline on this machine: an embedded AWS and a host that runs the function as Lambda does."""
