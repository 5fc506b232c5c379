"""The console: web pages over the same use cases as the API, one file a page.

Laws:
- A page asks `weir.control` and nothing else; there is no second path to the data.
- Every view has an address of its own, and works without scripts; scripts make it live.
- No script and no style stands in a page, and nothing is fetched from another host.
- What changes something is a form with a token against forgery, and is refused without it.
- Words stand in one table a language; a word that is missing shows in English.
"""
