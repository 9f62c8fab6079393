{{ config(severity='warn') }}
select * from {{ ref('fct_paid') }} where cents < 0
