import type { JobExtras } from '../../dashboard'
import { lazily } from '../../dashboard/parts/lazily'
import { loadAirports } from './import-csv/sample'
import './result.css'

/** What this page knows of jobs beyond their schemas, by job name. Every other job works without. */
export const JOBS: Partial<Record<string, JobExtras>> = {
  'import-csv': {
    sample: { label: 'Use airports.csv (3,376 US airports)', load: loadAirports },
    Result: lazily('result', async () => (await import('./import-csv/result')).ImportResult),
  },
  'resize-images': {
    Start: lazily('form', async () => (await import('./resize-images/start')).Start),
    Result: lazily('result', async () => (await import('./resize-images/result')).Result),
  },
  'sync-notes': {
    Start: lazily('form', async () => (await import('./sync-notes/start')).Start),
    Result: lazily('result', async () => (await import('./sync-notes/result')).Result),
  },
}
