import type { ReactNode } from 'react'
import { useExtras } from '../extras'
import { Notice } from '../parts/notice'
import { WORDS } from '../words'

const SAID = WORDS.notices

export function MemoryNotice(): ReactNode {
  const { storageHref } = useExtras()
  return (
    <Notice
      title={SAID.memory}
      actions={
        storageHref !== null && (
          <a className="button" href={storageHref('opfs')}>
            {SAID.keepHere}
          </a>
        )
      }
    >
      <p>{SAID.memoryText}</p>
    </Notice>
  )
}
