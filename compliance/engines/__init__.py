"""Django's own connections, which ask before each commit that the trail's new events be chained."""
