import type { Isolation } from './messages'

const KEY = 'durably-isolated'

/**
 * Whether a reload would make the page cross-origin isolated, on a host that sends no headers: its service worker adds
 * them. Not while the person works with the page, and once at most, as not every browser takes the headers.
 */
export function isWorthReloading(isolation: Isolation): boolean {
  if (isolation === 'none' || crossOriginIsolated || window.top !== window) return false
  return isUntouched() && isTheFirstTime()
}

/** Whether nobody has clicked or typed here since the page was loaded. Where that is not told, someone may have. */
export function isUntouched(): boolean {
  return 'userActivation' in navigator && !navigator.userActivation.hasBeenActive
}

function isTheFirstTime(): boolean {
  try {
    const key = `${KEY}:${document.baseURI}`
    if (sessionStorage.getItem(key) !== null) return false
    sessionStorage.setItem(key, 'tried')
    return true
  } catch {
    // Nothing can be remembered here: not even that it was tried.
    return false
  }
}
