"""PynamoDB's batch_write with a model that declares every column."""

import sys

from flights import ENDPOINT, REGION, TABLE, TEXTS, items
from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.models import Model

NUMBERS = "year month day dep_time sched_dep_time dep_delay arr_time sched_arr_time arr_delay flight air_time distance hour minute"


class Flight(Model):
    """One flight."""

    class Meta:
        """Where it is kept."""

        table_name = TABLE
        region = REGION
        host = ENDPOINT

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    vars().update({name: NumberAttribute(null=True) for name in NUMBERS.split()})
    vars().update({name: UnicodeAttribute(null=True) for name in sorted(TEXTS)})


with Flight.batch_write() as batch:
    for item in items(sys.argv[1]):
        batch.save(Flight(**item))
