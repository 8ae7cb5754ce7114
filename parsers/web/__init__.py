"""Web files: pages, exported virtual directories, what ASP.NET compiled."""
