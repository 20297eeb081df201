import { lazy } from 'react'
import type { JobExtras } from '../../dashboard'
import { loadAirports } from './import-csv/sample'
import './result.css'

/** What this page knows of jobs beyond their schemas, by job name. Every other job works without. */
export const JOBS: Partial<Record<string, JobExtras>> = {
  'import-csv': {
    sample: { label: 'Use airports.csv (3,376 US airports)', load: loadAirports },
    Result: lazy(async () => ({ default: (await import('./import-csv/result')).ImportResult })),
  },
  'resize-images': {
    Start: lazy(async () => ({ default: (await import('./resize-images/start')).Start })),
    Result: lazy(async () => ({ default: (await import('./resize-images/result')).Result })),
  },
  'sync-notes': {
    Start: lazy(async () => ({ default: (await import('./sync-notes/start')).Start })),
    Result: lazy(async () => ({ default: (await import('./sync-notes/result')).Result })),
  },
}
