"""Cloud Storage on this machine: its JSON API over plain files, which the BigQuery stand-in reads as `gs://`."""
