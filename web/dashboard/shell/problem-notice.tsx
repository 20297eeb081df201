import type { ReactNode } from 'react'
import type { EngineStatus } from 'durably'
import { useEngineProblem } from './use-engine-problem'
import { ExportButton } from '../storage/export-button'
import { StorageOutcome } from '../storage/storage-outcome'
import { useStorageWork } from '../storage/use-storage-work'
import { Notice } from '../parts/notice'

/** The engine is there, but its runs don't go on. */
export function ProblemNotice({ pause }: Pick<EngineStatus, 'pause'>): ReactNode {
  const problem = useEngineProblem({ pause })
  if (problem === null) return null
  if (problem.code === 'storage_full') return <FullNotice />
  return (
    <Notice title="The engine has a problem and keeps trying." isBad>
      <p>{problem.message} What is finished is kept.</p>
    </Notice>
  )
}

function FullNotice(): ReactNode {
  const work = useStorageWork()
  return (
    <Notice
      title="There is no room left."
      isBad
      actions={<ExportButton work={work} label="Export database" />}
    >
      <p>
        Runs wait, and go on by themselves as soon as there is room. What is finished is kept. Delete runs
        that you no longer need, or free space on this device. To be safe, export the database first.
      </p>
      <StorageOutcome work={work} />
    </Notice>
  )
}
