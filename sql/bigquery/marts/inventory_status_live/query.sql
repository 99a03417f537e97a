${live:marts.inventory_status_v1}
