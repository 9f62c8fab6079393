select 'EUR' as code
