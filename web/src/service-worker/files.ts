import { SCOPE } from './scope'
import { site, type SiteFile } from './site'

/** By their paths, decoded: browsers and the bundler encode some characters differently. */
const files = new Map(site.files.map((file) => [pathOf(new URL(file.url, SCOPE)), file]))
const leftOut = new Set(site.leftOut.map((url) => pathOf(new URL(url, SCOPE))))

/** The file that a static host answers with, also where it leaves `index.html` and `.html` out of addresses. */
export function findFile(url: URL): SiteFile | undefined {
  const path = pathOf(url)
  if (!isInScope(url)) return undefined
  if (path.endsWith('/')) return files.get(`${path}index.html`)
  return files.get(path) ?? files.get(`${path}.html`)
}

/** Whether a page with this script may be of this version. */
export function hasScript(url: URL): boolean {
  return findFile(url) !== undefined || leftOut.has(pathOf(url))
}

/** What a navigation is answered with. Queries are the page's own business. */
export function findPage(url: URL): SiteFile | undefined {
  return findFile(url) ?? (isLeftToFallback(url) ? fallback() : undefined)
}

/** Whether a page of that folder would be found with a slash at the end. */
export function isFolder(url: URL): boolean {
  return isInScope(url) && files.has(`${pathOf(url)}/index.html`)
}

export function isInScope(url: URL): boolean {
  return url.href.startsWith(SCOPE)
}

function isLeftToFallback(url: URL): boolean {
  if (!isInScope(url)) return false
  const path = url.href.slice(SCOPE.length)
  return !site.navigationFallback?.denylist.some((beginning) => path.startsWith(beginning))
}

function fallback(): SiteFile | undefined {
  const url = site.navigationFallback?.url
  return url === undefined ? undefined : files.get(pathOf(new URL(url, SCOPE)))
}

function pathOf({ pathname }: URL): string {
  try {
    return decodeURIComponent(pathname)
  } catch {
    return pathname
  }
}
