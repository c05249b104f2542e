"""What the Dagster UI shows of the models; dagster-dbt is imported when the project is prepared, and not before."""

from collections.abc import Mapping
from typing import Any

from dagster_dbt import DagsterDbtTranslator


class Translator(DagsterDbtTranslator):
    """Models belong to the shop, and say where they stand in the project."""

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str:
        """The project's name."""
        return str(dbt_resource_props["package_name"])

    def get_metadata(self, dbt_resource_props: Mapping[str, Any]) -> Mapping[str, Any]:
        """What dagster-dbt says, and the file."""
        return {**super().get_metadata(dbt_resource_props), "dbt_file": dbt_resource_props["original_file_path"]}
