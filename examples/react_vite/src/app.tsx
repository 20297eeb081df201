import { useJob, useRunActions } from 'durably/react'
import { CountForm } from './count-form'
import { CurrentRun } from './current-run'
import { EngineState } from './engine-state'
import { RecentRuns } from './recent-runs'
import { Result } from './result'

export function App() {
  // Shows the run that executes already, when the page is opened again.
  const count = useJob('count-words')
  const { cancel } = useRunActions()

  return (
    <>
      <header>
        <h1>Word counter</h1>
        <p>
          A Python job in this browser. Close the tab while it counts: it goes on where it was when you come
          back.
        </p>
        <EngineState />
      </header>
      <main>
        <CountForm isBusy={count.isActive} start={(text) => count.trigger({ text })} />
        {count.status !== null && (
          <CurrentRun
            status={count.status}
            progress={count.progress}
            logs={count.logs}
            error={count.error}
            cancel={() => cancel(count.currentRunId ?? '')}
          />
        )}
        {count.output !== null && <Result output={count.output} />}
        <RecentRuns />
      </main>
    </>
  )
}
