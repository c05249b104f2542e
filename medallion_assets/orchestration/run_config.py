"""Run config: what a person may ask of a run, as Dagster's config classes.

Belongs here: making them of the plain values that stages take, and back.
Does not: the fields.
"""

from __future__ import annotations

from typing import Any, TypeVar, get_args, get_origin

import dagster as dg
from pydantic import BaseModel, Field, create_model

from medallion_assets.contracts.months import Months
from medallion_assets.orchestration.trigger_context import TriggeredConfig

Wish = TypeVar("Wish", bound=BaseModel)


class OfMonth(TriggeredConfig):
    """What the run config of a table with months has as well."""

    month: str = Field(default="", description="YYYY-MM, for the whole run, where no partition is chosen")


def config_of(model: type[BaseModel], months: Months | None = None) -> Any:
    """Dagster's config class with the fields of a model, and what caused the run; the month, where a table has them."""
    return _config(model, TriggeredConfig if months is None else OfMonth)


def asked_of(config: TriggeredConfig, model: type[Wish]) -> Wish:
    """The plain values that a run config stands for."""
    return model.model_validate(config.model_dump(exclude={"trigger", "user", "month"}))


def _config(model: type[BaseModel], base: type[dg.Config]) -> Any:
    """Dagster takes no other models than its own, nested ones included."""
    fields: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        kind: Any = field.annotation
        default = field.default
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            kind = _config(kind, dg.Config)
            default = kind()
        elif get_origin(kind) is list and issubclass(item := get_args(kind)[0], BaseModel):
            kind = list[_config(item, dg.Config)]  # type: ignore[misc]
        fields[name] = (kind, field.merge_field_infos(field, default=default, annotation=kind))
    return create_model(f"{model.__name__}Config", __base__=base, __doc__=model.__doc__, **fields)
