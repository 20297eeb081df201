import type { ReactNode } from 'react'
import type { EngineStatus } from 'durably'
import { useEngineProblem } from './use-engine-problem'
import { ExportButton } from '../storage/export-button'
import { StorageOutcome } from '../storage/storage-outcome'
import { useStorageWork } from '../storage/use-storage-work'
import { Notice } from '../parts/notice'
import { WORDS } from '../words'

const SAID = WORDS.notices

/** The engine is there, but its runs don't go on. */
export function ProblemNotice({ pause }: Pick<EngineStatus, 'pause'>): ReactNode {
  const problem = useEngineProblem({ pause })
  if (problem === null) return null
  if (problem.code === 'storage_full') return <FullNotice />
  return (
    <Notice title={SAID.problem} isBad>
      <p>{SAID.problemText(problem.message)}</p>
    </Notice>
  )
}

function FullNotice(): ReactNode {
  const work = useStorageWork()
  return (
    <Notice
      title={SAID.full}
      isBad
      actions={<ExportButton work={work} label={WORDS.storage.exportDatabase} />}
    >
      <p>{SAID.fullText}</p>
      <StorageOutcome work={work} />
    </Notice>
  )
}
