{#-
    Tests that give the rows at fault, whole: so a failure names their keys. Those of dbt's own with the same names give
    values and counts.
-#}

{% test not_null(model, column_name) %}
select * from {{ model }} where {{ column_name }} is null
{% endtest %}

{#- One pass over a table for all columns that it requires. -#}
{% test required(model, columns) %}
select * from {{ model }} where {% for column in columns %}{{ column }} is null{{ ' or ' if not loop.last }}{% endfor %}
{% endtest %}

{% test unique(model, column_name) %}
select * from {{ model }}
where {{ column_name }} in (
    select {{ column_name }} from {{ model }}
    where {{ column_name }} is not null
    group by {{ column_name }}
    having count(*) > 1
)
{% endtest %}

{#- A key of several columns. -#}
{% test unique_key(model, columns) %}
select rows_of_model.*
from {{ model }} as rows_of_model
inner join (
    select {{ columns | join(', ') }} from {{ model }}
    group by {{ columns | join(', ') }}
    having count(*) > 1
) as repeated
    on {% for column in columns %}rows_of_model.{{ column }} = repeated.{{ column }}{{ ' and ' if not loop.last }}{% endfor %}
{% endtest %}

{% test accepted_values(model, column_name, values) %}
select * from {{ model }}
where {{ column_name }} not in ({% for value in values %}'{{ value }}'{{ ', ' if not loop.last }}{% endfor %})
{% endtest %}

{% test relationships(model, column_name, to, field) %}
select child.*
from {{ model }} as child
left join {{ to }} as parent
    on child.{{ column_name }} = parent.{{ field }}
where child.{{ column_name }} is not null and parent.{{ field }} is null
{% endtest %}

{% test non_negative(model, columns) %}
select * from {{ model }} where {% for column in columns %}{{ column }} < 0{{ ' or ' if not loop.last }}{% endfor %}
{% endtest %}

{#- Those of generated sources: `rows` is a relation with the rows at fault among others, read instead of all of them. -#}

{% test filled(model, column_name, rows) %}
select * from {{ rows }} where {{ column_name }} is null
{% endtest %}

{% test known(model, column_name, values, rows) %}
select * from {{ rows }}
where {{ column_name }} not in ({% for value in values %}'{{ value }}'{{ ', ' if not loop.last }}{% endfor %})
{% endtest %}
