import type { StorageKind } from 'durably'

/** Where the page's address asks for the database to be kept: `?storage=memory` is for a try without storage. */
export function askedStorage(): StorageKind {
  return new URLSearchParams(window.location.search).get('storage') === 'memory' ? 'memory' : 'opfs'
}

/** Whether only one tab is to have the engine, and the others none: `?tabs=single`. */
export function askedTabs(): 'many' | 'single' {
  return new URLSearchParams(window.location.search).get('tabs') === 'single' ? 'single' : 'many'
}

/** Whether Python waits in tabs that follow: `?standby=warm`. */
export function askedStandby(): 'cold' | 'warm' {
  return new URLSearchParams(window.location.search).get('standby') === 'warm' ? 'warm' : 'cold'
}

/** Whether Python's memory is kept for the next visit: `?snapshot=false`. */
export function askedSnapshot(): boolean {
  return new URLSearchParams(window.location.search).get('snapshot') !== 'false'
}

/** Bytes that Python may keep: `?memoryBudget=100000000`. */
export function askedMemoryBudget(): number | undefined {
  return Number(new URLSearchParams(window.location.search).get('memoryBudget')) || undefined
}

/** This page with its database kept there. The run that the address names is not in that database. */
export function hrefWithStorage(kind: StorageKind): string {
  const { searchParams, pathname } = new URL(window.location.href)
  if (kind === 'memory') searchParams.set('storage', 'memory')
  else searchParams.delete('storage')
  return searchParams.size === 0 ? pathname : `${pathname}?${searchParams}`
}
