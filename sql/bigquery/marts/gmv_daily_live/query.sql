${live:marts.gmv_daily_v1}
