{{ config(alias='customers_clean') }}
select id, name, {{ double_it('score') }} as score from {{ source('shop', 'customers') }}
