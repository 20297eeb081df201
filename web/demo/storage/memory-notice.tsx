import type { ReactNode } from 'react'
import { hrefWithStorage } from '../lib/asked-storage'
import { Notice } from '../shell/notice'

export function MemoryNotice(): ReactNode {
  return (
    <Notice
      title="Nothing is kept here."
      actions={
        <a className="button" href={hrefWithStorage('opfs')}>
          Keep it in this browser
        </a>
      }
    >
      <p>
        The database is in memory only. When this page is closed or reloaded, all runs and their results are
        gone.
      </p>
    </Notice>
  )
}
