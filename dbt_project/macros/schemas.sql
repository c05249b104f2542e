{#- Schemas are called as they are written, not with the target's in front: "star"."gold"."dim_customer". -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name or target.schema }}
{%- endmacro %}
