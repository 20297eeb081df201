import { useEffect, useRef } from 'react'
import type { UseRunsResult } from '../../src/react'
import { showRun } from './use-selected-run'

/** Who opens the page again sees at once how the last run goes on, unless the address names another. */
export function useNewestRunAtFirst(
  { isLoading, error, runs }: UseRunsResult,
  selectedId: string | null,
): void {
  const isDone = useRef(false)
  useEffect(() => {
    if (isLoading || error !== null || isDone.current) return
    isDone.current = true
    const newest = runs.find(({ isActive }) => isActive) ?? runs[0]
    if (selectedId === null && newest !== undefined) showRun(newest.id)
  }, [isLoading, error, runs, selectedId])
}
