-- Runs once, when the data folder is new: Airflow's own tables live in a database of their own on the same server.
CREATE DATABASE airflow;
