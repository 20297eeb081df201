import type { ReactNode } from 'react'
import { useExtras } from '../extras'
import { Notice } from '../parts/notice'

export function MemoryNotice(): ReactNode {
  const { storageHref } = useExtras()
  return (
    <Notice
      title="Nothing is kept here."
      actions={
        storageHref !== null && (
          <a className="button" href={storageHref('opfs')}>
            Keep it in this browser
          </a>
        )
      }
    >
      <p>
        The database is in memory only. When this page is closed or reloaded, all runs and their results are
        gone.
      </p>
    </Notice>
  )
}
