import { useJobs } from 'durably/react'
import type { ReactNode } from 'react'
import { JobPane } from './jobs/job-pane'
import { RunPane } from './run/run-pane'
import { RunsPane } from './runs/runs-pane'
import { SelectionContext, type Selection } from './selection'

interface ConsoleProps {
  /** Only this job and its runs. */
  jobName?: string | undefined
  selection: Selection
}

/** Jobs, their runs, and the run that is looked at: in the page of the site as in those of others. */
export function Console({ jobName, selection }: ConsoleProps): ReactNode {
  const { runId } = selection
  return (
    <SelectionContext value={selection}>
      <div className="columns">
        <JobPane jobs={useJobs()} only={jobName} />
        <RunsPane jobName={jobName} />
        {runId !== null && <RunPane key={runId} runId={runId} />}
      </div>
    </SelectionContext>
  )
}
