"""The tables, their views and types, their migrations, and the page that documents them."""
