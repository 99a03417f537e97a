${live:marts.margin_daily_v1}
