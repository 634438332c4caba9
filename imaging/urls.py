"""Addresses of the imaging room."""

from __future__ import annotations

from django.urls import URLPattern

app_name = "imaging"
urlpatterns: list[URLPattern] = []
