"""Static hosts as far as they can be known from their documentation and their published code, on this machine.

Each reads the real files that it is told with, and answers as the host does: addresses, headers, compression.
Where two rules set the same header, it is an error here: only one of the hosts says what becomes of the value.
"""

from tests.browser.hosts.cloudflare import CloudflarePages
from tests.browser.hosts.github import GitHubPages
from tests.browser.hosts.netlify import Netlify
from tests.browser.hosts.static_host import Asked, StaticHost
from tests.browser.hosts.vercel import Vercel

__all__ = ["Asked", "CloudflarePages", "GitHubPages", "Netlify", "StaticHost", "Vercel"]
