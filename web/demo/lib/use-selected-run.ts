import { useSyncExternalStore } from 'react'

const PREFIX = '#run='
const OVERVIEW = '#overview'

/** To which the way back from the overview leads. */
let before: string | null = null
const listeners = new Set<() => void>()

/** The run that the address names, or named before it named the overview; a reload keeps it. */
export function useSelectedRun(): string | null {
  return useSyncExternalStore(subscribe, readSelection)
}

export function runHref(runId: string): string {
  return PREFIX + encodeURIComponent(runId)
}

/** Nobody who looks at the overview is taken away from there. */
export function selectRun(runId: string | null): void {
  if (isOverview()) keep(runId)
  else window.location.hash = runId === null ? '' : runHref(runId)
}

/** As `selectRun`, without a step in the browser's history. */
export function showRun(runId: string): void {
  if (isOverview()) keep(runId)
  else window.location.replace(runHref(runId))
}

export function isOverview(): boolean {
  const { hash } = window.location
  return hash === OVERVIEW || hash.startsWith(`${OVERVIEW}?`)
}

function keep(runId: string | null): void {
  before = runId
  for (const listener of [...listeners]) listener()
}

function readSelection(): string | null {
  const { hash } = window.location
  if (!isOverview()) before = hash.startsWith(PREFIX) ? decode(hash.slice(PREFIX.length)) : null
  return before
}

function decode(text: string): string | null {
  try {
    return decodeURIComponent(text)
  } catch {
    // Not an address that this page wrote.
    return null
  }
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  window.addEventListener('hashchange', listener)
  return () => {
    listeners.delete(listener)
    window.removeEventListener('hashchange', listener)
  }
}
