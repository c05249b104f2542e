{#- The few expressions that DuckDB and Spark spell differently. All else in this project is SQL that both take. -#}

{#- A moment in UTC, written as YYYY-MM-DD HH:MM:SS. -#}
{% macro utc_timestamp(text) -%}
    {{ return(adapter.dispatch('utc_timestamp', 'star_schema')(text)) }}
{%- endmacro %}
{% macro default__utc_timestamp(text) -%} cast('{{ text }}+00:00' as timestamp with time zone) {%- endmacro %}
{% macro spark__utc_timestamp(text) -%} cast('{{ text }} UTC' as timestamp) {%- endmacro %}

{#- The microseconds of a moment since 1970. -#}
{% macro epoch_micros(moment) -%}
    {{ return(adapter.dispatch('epoch_micros', 'star_schema')(moment)) }}
{%- endmacro %}
{% macro default__epoch_micros(moment) -%} epoch_us({{ moment }}) {%- endmacro %}
{% macro spark__epoch_micros(moment) -%} unix_micros({{ moment }}) {%- endmacro %}

{#- One row for each day of a range, in the column `full_date`. -#}
{% macro days(first, last) -%}
    {{ return(adapter.dispatch('days', 'star_schema')(first, last)) }}
{%- endmacro %}
{% macro default__days(first, last) -%}
    select cast(unnest(generate_series(date '{{ first }}', date '{{ last }}', interval 1 day)) as date) as full_date
{%- endmacro %}
{% macro spark__days(first, last) -%}
    select explode(sequence(date '{{ first }}', date '{{ last }}', interval 1 day)) as full_date
{%- endmacro %}

{#- The year of the ISO week of a day. -#}
{% macro iso_year(day) -%}
    {{ return(adapter.dispatch('iso_year', 'star_schema')(day)) }}
{%- endmacro %}
{% macro default__iso_year(day) -%} extract(isoyear from {{ day }}) {%- endmacro %}
{% macro spark__iso_year(day) -%} extract(yearofweek from {{ day }}) {%- endmacro %}

{#- 1 for Monday to 7 for Sunday. -#}
{% macro iso_day_of_week(day) -%}
    {{ return(adapter.dispatch('iso_day_of_week', 'star_schema')(day)) }}
{%- endmacro %}
{% macro default__iso_day_of_week(day) -%} extract(isodow from {{ day }}) {%- endmacro %}
{% macro spark__iso_day_of_week(day) -%} extract(dayofweek_iso from {{ day }}) {%- endmacro %}
