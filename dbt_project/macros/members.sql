{#- What every dimension shares (rules D1, D2 and D4). -#}

{#- The key of the unknown member: 32 zeros, which is the MD5 of no text that anybody knows. -#}
{% macro unknown_key() -%} '00000000000000000000000000000000' {%- endmacro %}

{#- From when a first version applies, and the unknown member holds. -#}
{% macro beginning() -%} {{ utc_timestamp('1900-01-01 00:00:00') }} {%- endmacro %}

{#- Amounts of money: exact, and rounded half up to 4 decimals. -#}
{% macro money(amount) -%} cast({{ amount }} as decimal(18, 4)) {%- endmacro %}
