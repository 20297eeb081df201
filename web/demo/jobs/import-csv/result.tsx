import { useMemo, type ReactNode } from 'react'
import type { ClientRun } from 'durably'
import { plural } from '../../../dashboard/format'
import { AirportMap } from './airport-map'
import { toImportOutput } from './output'
import { RejectedRows } from './rejected-rows'
import { StatesTable } from './states-table'

export function ImportResult({ run }: { run: ClientRun }): ReactNode {
  const output = useMemo(() => toImportOutput(run.output), [run.output])
  if (output === null) return null
  return (
    <section className="part result" aria-labelledby="result-title">
      <h3 className="result-headline" id="result-title">
        <span className="number">{plural(output.imported, 'airport')}</span> imported,{' '}
        <span className="number">{plural(output.rejected_count, 'row')}</span> rejected
      </h3>
      <p className="hint">From {output.filename}</p>
      {output.points.length > 0 && <AirportMap points={output.points} />}
      {output.states.length > 0 && <StatesTable states={output.states} />}
      {output.rejected_count > 0 && <RejectedRows rows={output.rejected} count={output.rejected_count} />}
      {output.imported === 0 && output.rejected_count === 0 && <p className="hint">The file has no rows.</p>}
    </section>
  )
}
