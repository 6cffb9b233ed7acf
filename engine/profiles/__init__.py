"""Saved settings of a model (profiles): their JSON format and storage.

Detecting settings belongs in loading.
"""
