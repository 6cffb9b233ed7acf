"""The folder page: many images as rows, with filters, charts and what groups of them share."""
