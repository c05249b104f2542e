"""Translation: what dagster-dbt's translator says of a project's models and tests, or one of the user's own.

Belongs here: asking it when a project is prepared (importing dagster-dbt takes seconds), and which of its words count.
Does not: showing them (assets.dbt).

Keys, columns and what a model is made from follow from contracts. Of the rest the contract holds too, unless a
translator of the user's says otherwise than dagster-dbt's own, or the project itself does (tags, owners, groups).
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

import dagster as dg

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # sqlglot's own, about the parser that dagster-dbt installs
    from dagster_dbt import DagsterDbtTranslator

from medallion_assets.contracts.pipeline import DbtModels
from medallion_assets.deriving.dbt.specs import CheckSpec, ModelSpec, ShownAs, Specs
from medallion_assets.errors import PermanentError

KIND_TAG = "dagster/kind/"
OWN_NOTES = "dagster_dbt/"
"""Metadata that dagster-dbt keeps for itself, such as the translator."""


def translated(specs: Specs, models: DbtModels, manifest: Mapping[str, Any]) -> Specs:
    """The specifications with what the translator of `models` says of them.

    Raises:
        PermanentError: there is no such translator, it raises something, or it gives an asset a key of its own.
    """
    translation = _Translation(models=models, manifest=manifest, own=_translator(models), usual=DagsterDbtTranslator())
    for unique_id in (*(model.unique_id for model in specs.models), *manifest["sources"]):
        translation.expect_same_key(unique_id)
    return replace(
        specs,
        models=tuple(replace(model, shown=translation.shown(model.unique_id)) for model in specs.models),
        tests=tuple(translation.described(test, specs.model(test.model)) for test in specs.tests),
    )


@dataclass(frozen=True, kw_only=True)
class _Translation:
    """A manifest, the translator to ask, and dagster-dbt's own beside it. They keep what they said of a manifest."""

    models: DbtModels
    manifest: Mapping[str, Any]
    own: DagsterDbtTranslator
    usual: DagsterDbtTranslator

    def expect_same_key(self, unique_id: str) -> None:
        own, usual = self._both(unique_id)
        if own.key != usual.key:
            raise PermanentError(
                f"the translator {self.models.translator} gives {unique_id} a key of its own",
                expected="keys that are the layers and names of tables, by their contracts",
                found=own.key.to_user_string(),
                do="leave get_asset_key as it is; a table is renamed in its contract",
            )

    def shown(self, unique_id: str) -> ShownAs:
        own, usual = self._both(unique_id)
        said = usual.metadata
        metadata = {
            name: value
            for name, value in own.metadata.items()
            if not name.startswith(OWN_NOTES) and (name not in said or value != said[name])
        }
        return ShownAs(
            description=own.description if own.description != usual.description else None,
            owners=tuple(own.owners or ()),
            group=own.group_name,
            kinds=tuple(sorted(own.kinds)) if own.kinds != usual.kinds else (),
            tags={name: value for name, value in own.tags.items() if not name.startswith(KIND_TAG)},
            metadata=dg.serialize_value(_as_values(metadata)) if metadata else "",
        )

    def described(self, test: CheckSpec, model: ModelSpec) -> CheckSpec:
        """A check with the description that the translator has for it; it has none of most tests."""
        found = [
            node["unique_id"]
            for node in self.manifest["nodes"].values()
            if (node["resource_type"], node["name"]) == ("test", test.name)
        ]
        asset, _ = self._both(model.unique_id)
        checks = [self._asked(self.own, "get_asset_check_spec", uid, asset) for uid in found]
        said = next((check.description for check in checks if check is not None and check.description), None)
        return test if said is None else replace(test, description=said)

    def _both(self, unique_id: str) -> tuple[dg.AssetSpec, dg.AssetSpec]:
        own, usual = (self._asked(each, "get_asset_spec", unique_id) for each in (self.own, self.usual))
        return own, usual

    def _asked(self, translator: DagsterDbtTranslator, method: str, unique_id: str, *asset: dg.AssetSpec) -> Any:
        """What a translator answers about a model or a test.

        Raises:
            PermanentError: it raises something itself.
        """
        try:
            return getattr(translator, method)(*asset, self.manifest, unique_id, None)
        except Exception as error:  # whatever somebody's translator raises
            raise PermanentError(
                f"the translator {self.models.translator or 'of dagster-dbt'} fails at {unique_id}",
                expected=f"an answer of {method}",
                found=f"{type(error).__name__}: {error}",
                do="correct the translator of DbtModels(...), or what the project says of it",
            ) from error


def _as_values(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata as Dagster keeps it, whatever it was given as."""
    return dict(dg.AssetMaterialization("any", metadata=metadata).metadata)


def _translator(models: DbtModels) -> DagsterDbtTranslator:
    if models.translator is None:
        return DagsterDbtTranslator()
    module, _, name = models.translator.partition(":")
    try:
        made = getattr(import_module(module), name)()
    except Exception as error:  # whatever somebody's module raises when it is imported
        raise _no_translator(models, f"{type(error).__name__}: {error}") from error
    if not isinstance(made, DagsterDbtTranslator):
        raise _no_translator(models, f"a {type(made).__name__}")
    return made


def _no_translator(models: DbtModels, found: str) -> PermanentError:
    return PermanentError(
        f"the dbt models {models.name} name a translator {models.translator!r} that is not one",
        expected="module:NAME of a subclass of dagster_dbt.DagsterDbtTranslator that takes no arguments",
        found=found,
        do="correct the translator of DbtModels(...)",
    )
