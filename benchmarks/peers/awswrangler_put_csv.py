"""awswrangler's own loader. All values are strings: with numbers, pandas makes floats of the columns with NA, and boto3 refuses floats."""

import sys

import awswrangler
from flights import TABLE

awswrangler.dynamodb.put_csv(path=sys.argv[1], table_name=TABLE, dtype=str)
