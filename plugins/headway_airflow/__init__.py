"""What Airflow learns from Headway: hooks, operators, sensors, triggers and links."""
