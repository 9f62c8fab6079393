{% snapshot payments_history %}
{{ config(unique_key='id', strategy='check', check_cols=['cents']) }}
select * from {{ ref('stg_payments') }}
{% endsnapshot %}
