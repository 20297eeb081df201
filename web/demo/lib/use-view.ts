import { useSyncExternalStore } from 'react'
import type { OverviewQuery } from '../../dashboard/overview/overview'
import { WINDOW_NAMES } from '../../dashboard/overview/figures'
import { isOverview } from './use-selected-run'

const OVERVIEW = '#overview'

/** The overview that the address names; null: it names a run, or nothing. */
export function useOverview(): OverviewQuery | null {
  const hash = useSyncExternalStore(subscribe, () => window.location.hash)
  if (!isOverview()) return null
  const asked = new URLSearchParams(hash.slice(OVERVIEW.length + 1))
  return {
    window: WINDOW_NAMES.find((name) => name === asked.get('window')) ?? '24h',
    jobName: asked.get('job'),
  }
}

export function overviewHref({ window, jobName }: OverviewQuery): string {
  const query = new URLSearchParams({ window, ...(jobName !== null && { job: jobName }) })
  return `${OVERVIEW}?${query}`
}

function subscribe(listener: () => void): () => void {
  window.addEventListener('hashchange', listener)
  return () => window.removeEventListener('hashchange', listener)
}
