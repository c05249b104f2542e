"""US federal holidays, as a seed of the dbt project: what gold.dim_date calls a day (rule D5).

Belongs here: the text of that file.
Does not: the calendar itself (a library knows it).
"""

from __future__ import annotations

from medallion_assets.pipelines.star_schema.orders import FIRST_DAY, LAST_DAY

SEED = "seeds/us_holidays.csv"


def us_holidays() -> str:
    """Day and name of each holiday that dim_date has a day for, observed ones included; names are in quotes."""
    import holidays

    known = holidays.country_holidays("US", years=range(FIRST_DAY.year, LAST_DAY.year + 2), observed=True)
    days = ((day, name) for day, name in sorted(known.items()) if FIRST_DAY <= day <= LAST_DAY)
    return "\n".join(["holiday_date,holiday", *(f'{day},"{name}"' for day, name in days)]) + "\n"
