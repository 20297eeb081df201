/** Lets the person choose a file; calls back unless they choose none. */
export function chooseFile(accept: string, onFile: (file: File) => void): void {
  const picker = document.createElement('input')
  picker.type = 'file'
  picker.accept = accept
  picker.onchange = () => {
    const file = picker.files?.[0]
    if (file !== undefined) onFile(file)
  }
  picker.click()
}
