import type { ReactNode } from 'react'
import type { StorageWork } from './use-storage-work'

export function StorageOutcome({ work: { isBusy, error, said } }: { work: StorageWork }): ReactNode {
  return (
    <p className="storage-outcome" data-kind={error === null ? 'done' : 'failed'} role="status">
      {isBusy ? 'At work…' : (error ?? said)}
    </p>
  )
}
