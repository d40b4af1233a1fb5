"""Spreadsheets: CSV, TSV, JSON lines and workbooks, read by a mapping profile."""
