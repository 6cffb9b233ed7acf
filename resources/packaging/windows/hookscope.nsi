; The installer for Windows. scripts/installers/make_nsis.py compiles it and defines what it uses:
;   NAME VERSION VERSION4 SUMMARY PUBLISHER COPYRIGHT APP_ID   from engine/version.py
;   ICON SIDE OUTPUT PAYLOAD_NSH LIST_FILE SIZE_KB LONGEST     made or found by it
;   SIGN                                                       a command, where there is one
; PAYLOAD_NSH holds macros: ExtractFiles, ForEachKind and ForEachSuffix over its documents, and
; ForEachOwn over the suffixes that are the program's own.
;
; For one user, without administrator rights. What is installed is written down in LIST first, a
; line for each file and folder, and only what stands there is ever removed again: by the
; uninstaller, by the next version, and after an installation that was interrupted.

Target amd64-unicode
SetCompressor /SOLID lzma
SetCompressorDictSize 64
ManifestSupportedOS Win10
ManifestDPIAware true
ManifestDPIAwareness "PerMonitorV2,System"
ManifestLongPathAware true
RequestExecutionLevel user
AllowSkipFiles off
Name "${NAME}"
OutFile "${OUTPUT}"
BrandingText "${NAME} ${VERSION}"
InstallDir "$LOCALAPPDATA\Programs\${NAME}"

!define LIST "installed-files.txt"
!define UNINSTALLER "Uninstall.exe"
!define PROGRAM "${NAME}.exe"
!define UNINSTALL_KEY "Software\Microsoft\Windows\CurrentVersion\Uninstall\${NAME}"
!define APP_PATH_KEY "Software\Microsoft\Windows\CurrentVersion\App Paths\${PROGRAM}"
!define CLASSES "Software\Classes"
!define APPLICATION_KEY "${CLASSES}\Applications\${PROGRAM}"

; An upgrade goes where the program already is.
InstallDirRegKey HKCU "${UNINSTALL_KEY}" "InstallLocation"

VIProductVersion "${VERSION4}"
VIFileVersion "${VERSION4}"
VIAddVersionKey "ProductName" "${NAME}"
VIAddVersionKey "FileDescription" "${NAME} installer"
VIAddVersionKey "FileVersion" "${VERSION}"
VIAddVersionKey "ProductVersion" "${VERSION}"
VIAddVersionKey "CompanyName" "${PUBLISHER}"
VIAddVersionKey "LegalCopyright" "${COPYRIGHT}"

!ifdef SIGN
  !uninstfinalize '${SIGN} "%1"'
  !finalize '${SIGN} "%1"'
!endif

!include "MUI2.nsh"
!include "FileFunc.nsh"
!include "LogicLib.nsh"
!include "Sections.nsh"
!include "WinVer.nsh"
!include "x64.nsh"
!include "${PAYLOAD_NSH}"

!define MUI_ICON "${ICON}"
!define MUI_UNICON "${ICON}"
!define MUI_WELCOMEFINISHPAGE_BITMAP "${SIDE}"
!define MUI_WELCOMEFINISHPAGE_BITMAP_STRETCH AspectFitHeight
!define MUI_ABORTWARNING
!define MUI_COMPONENTSPAGE_NODESC
!define MUI_FINISHPAGE_RUN "$INSTDIR\${PROGRAM}"
!insertmacro MUI_PAGE_COMPONENTS
!define MUI_PAGE_CUSTOMFUNCTION_LEAVE CheckFolder
!insertmacro MUI_PAGE_DIRECTORY
!insertmacro MUI_PAGE_INSTFILES
!insertmacro MUI_PAGE_FINISH
!insertmacro MUI_UNPAGE_CONFIRM
!insertmacro MUI_UNPAGE_INSTFILES
!insertmacro MUI_LANGUAGE "English"

; How it ended, for whoever runs it silently.
!define ERROR_RUNNING 3
!define ERROR_FOLDER 4
!define ERROR_IN_USE 5

Var Folder ; the one that the functions below work on

; --- what installer and uninstaller share -----------------------------------------------------

; A suffix of the program's own is its alone, unless the user has given it to another one.
!macro Disown SUFFIX KIND MIME
  ReadRegStr $1 HKCU "${CLASSES}\${SUFFIX}" ""
  ${If} $1 == "${NAME}.${KIND}"
    DeleteRegValue HKCU "${CLASSES}\${SUFFIX}" ""
    DeleteRegValue HKCU "${CLASSES}\${SUFFIX}" "Content Type"
  ${EndIf}
!macroend

!macro Shared UN

; Wait until the program in $Folder is closed, or give up. Windows lets nobody write to a program
; that runs, under whatever name or user it does.
Function ${UN}WaitUntilClosed
  ${Do}
    ${IfNot} ${FileExists} "$Folder\${PROGRAM}"
      Return
    ${EndIf}
    ClearErrors
    FileOpen $0 "$Folder\${PROGRAM}" a
    ${IfNot} ${Errors}
      FileClose $0
      Return
    ${EndIf}
    MessageBox MB_RETRYCANCEL|MB_ICONEXCLAMATION \
      "${NAME} is running.$\r$\n$\r$\nClose it, then click Retry." /SD IDCANCEL IDRETRY +3
    SetErrorLevel ${ERROR_RUNNING}
    Quit
  ${Loop}
FunctionEnd

; Remove what the list in $Folder names, and nothing else. The list stays until it has been gone
; through, so that it can be gone through again.
Function ${UN}RemoveListed
  ${IfNot} ${FileExists} "$Folder\${LIST}"
    Return
  ${EndIf}
  StrCpy $3 ""
  FileOpen $0 "$Folder\${LIST}" r
  ${Do}
    ClearErrors
    FileRead $0 $1
    ${If} ${Errors}
      ${ExitDo}
    ${EndIf}
    StrCpy $1 $1 -2 ; the end of the line
    StrCpy $2 $1 1 -1
    ${If} $1 == ""
      ${Continue}
    ${ElseIf} $2 == "\"
      StrCpy $1 $1 -1
      RMDir "$Folder\$1" ; only when it is empty
    ${Else}
      ClearErrors
      Delete "$Folder\$1"
      ${If} ${Errors}
        StrCpy $3 "$Folder\$1"
      ${EndIf}
    ${EndIf}
  ${Loop}
  FileClose $0
  ${If} $3 != ""
    MessageBox MB_OK|MB_ICONSTOP "$3$\r$\n$\r$\ncannot be removed, because another program is \
      using it. Close that program, then run this one again." /SD IDOK
    SetErrorLevel ${ERROR_IN_USE}
    Quit
  ${EndIf}
FunctionEnd

; Take the program out of 'Open with', for each suffix that it is entered for: an older version
; may have had others than this one.
Function ${UN}RemoveDocuments
  !insertmacro ForEachOwn Disown
  StrCpy $0 0
  ${Do}
    ClearErrors
    EnumRegValue $1 HKCU "${APPLICATION_KEY}\SupportedTypes" $0
    ${If} ${Errors}
    ${OrIf} $1 == ""
      ${ExitDo}
    ${EndIf}
    IntOp $0 $0 + 1
    DeleteRegValue HKCU "${CLASSES}\$1\OpenWithProgids" "${NAME}.Picture"
    DeleteRegValue HKCU "${CLASSES}\$1\OpenWithProgids" "${NAME}.Model"
    DeleteRegValue HKCU "${CLASSES}\$1\OpenWithProgids" "${NAME}.Session"
    ; What others have entered there stays, and says what a double click does.
    DeleteRegKey /ifnosubkeys /ifnovalues HKCU "${CLASSES}\$1\OpenWithProgids"
    DeleteRegKey /ifnosubkeys /ifnovalues HKCU "${CLASSES}\$1"
  ${Loop}
  DeleteRegKey HKCU "${APPLICATION_KEY}"
  DeleteRegKey /ifnosubkeys /ifnovalues HKCU "${CLASSES}\Applications"
  DeleteRegKey HKCU "${CLASSES}\${NAME}.Picture"
  DeleteRegKey HKCU "${CLASSES}\${NAME}.Model"
  DeleteRegKey HKCU "${CLASSES}\${NAME}.Session"
FunctionEnd

!macroend

!insertmacro Shared ""
!insertmacro Shared "un."

; --- installing -------------------------------------------------------------------------------

; Most of Windows still takes paths of 259 characters only.
Function CheckFolder
  StrLen $0 "$INSTDIR"
  IntOp $0 $0 + ${LONGEST}
  ReadRegDWORD $1 HKLM "SYSTEM\CurrentControlSet\Control\FileSystem" "LongPathsEnabled"
  ${If} $0 >= 259
  ${AndIf} $1 <> 1
    MessageBox MB_OK|MB_ICONEXCLAMATION "The path of this folder is too long for Windows: some \
      files would have paths of more than 259 characters. Choose a shorter path." /SD IDOK
    ${If} ${Silent}
      SetErrorLevel ${ERROR_FOLDER}
    ${EndIf}
    Abort
  ${EndIf}
FunctionEnd

Section "${NAME}" SectionProgram
  SectionIn RO
  SetDetailsPrint textonly
  Call CheckFolder

  ; Another folder than last time: nothing stays behind in the old one.
  ReadRegStr $Folder HKCU "${UNINSTALL_KEY}" "InstallLocation"
  ${If} $Folder != ""
  ${AndIf} $Folder != $INSTDIR
    DetailPrint "Removing the previous version in $Folder"
    Call WaitUntilClosed
    Call RemoveListed
    Delete "$Folder\${LIST}"
    Delete "$Folder\${UNINSTALLER}"
    RMDir "$Folder"
  ${EndIf}

  StrCpy $Folder $INSTDIR
  Call WaitUntilClosed
  DetailPrint "Removing the previous version"
  Call RemoveListed

  ; The list, the uninstaller and its entry come first: from here on, an installation that is
  ; interrupted can be repaired by the next one, or removed.
  SetOutPath "$INSTDIR"
  File "/oname=${LIST}" "${LIST_FILE}"
  WriteUninstaller "$INSTDIR\${UNINSTALLER}"
  WriteRegStr HKCU "${UNINSTALL_KEY}" "DisplayName" "${NAME}"
  WriteRegStr HKCU "${UNINSTALL_KEY}" "DisplayVersion" "${VERSION}"
  WriteRegStr HKCU "${UNINSTALL_KEY}" "Publisher" "${PUBLISHER}"
  WriteRegStr HKCU "${UNINSTALL_KEY}" "Comments" "${SUMMARY}"
  WriteRegStr HKCU "${UNINSTALL_KEY}" "DisplayIcon" "$INSTDIR\${PROGRAM},0"
  WriteRegStr HKCU "${UNINSTALL_KEY}" "InstallLocation" "$INSTDIR"
  WriteRegStr HKCU "${UNINSTALL_KEY}" "UninstallString" '"$INSTDIR\${UNINSTALLER}"'
  WriteRegStr HKCU "${UNINSTALL_KEY}" "QuietUninstallString" '"$INSTDIR\${UNINSTALLER}" /S'
  WriteRegDWORD HKCU "${UNINSTALL_KEY}" "EstimatedSize" ${SIZE_KB}
  WriteRegDWORD HKCU "${UNINSTALL_KEY}" "NoModify" 1
  WriteRegDWORD HKCU "${UNINSTALL_KEY}" "NoRepair" 1

  DetailPrint "Installing ${NAME} ${VERSION}"
  SetDetailsPrint none
  !insertmacro ExtractFiles
  SetDetailsPrint textonly

  SetOutPath "$INSTDIR" ; shortcuts take it as the folder to start in
  CreateShortcut "$SMPROGRAMS\${NAME}.lnk" "$INSTDIR\${PROGRAM}" "" "$INSTDIR\${PROGRAM}" 0 \
    SW_SHOWNORMAL "" "${SUMMARY}"
  WriteRegStr HKCU "${APP_PATH_KEY}" "" "$INSTDIR\${PROGRAM}"
SectionEnd

!macro Enter SUFFIX KIND
  WriteRegStr HKCU "${APPLICATION_KEY}\SupportedTypes" "${SUFFIX}" ""
  WriteRegStr HKCU "${CLASSES}\${SUFFIX}\OpenWithProgids" "${NAME}.${KIND}" ""
!macroend

!macro Own SUFFIX KIND MIME
  WriteRegStr HKCU "${CLASSES}\${SUFFIX}" "" "${NAME}.${KIND}"
  WriteRegStr HKCU "${CLASSES}\${SUFFIX}" "Content Type" "${MIME}"
!macroend

!macro DocumentKind KIND TEXT PICTURE
  WriteRegStr HKCU "${CLASSES}\${NAME}.${KIND}" "" "${TEXT}"
  WriteRegStr HKCU "${CLASSES}\${NAME}.${KIND}\DefaultIcon" "" "$INSTDIR\${PICTURE}"
  WriteRegStr HKCU "${CLASSES}\${NAME}.${KIND}\shell\open" "FriendlyAppName" "${NAME}"
  WriteRegStr HKCU "${CLASSES}\${NAME}.${KIND}\shell\open\command" "" \
    '"$INSTDIR\${PROGRAM}" "%1"'
!macroend

Section "'Open with' entries for images and models, and sessions" SectionDocuments
  ; 'Open with' alone: what a double click does is nobody's to change but the user's. Sessions are
  ; files of the program's own.
  Call RemoveDocuments
  !insertmacro ForEachKind DocumentKind
  WriteRegStr HKCU "${APPLICATION_KEY}" "FriendlyAppName" "${NAME}"
  WriteRegStr HKCU "${APPLICATION_KEY}\DefaultIcon" "" "$INSTDIR\${PROGRAM},0"
  WriteRegStr HKCU "${APPLICATION_KEY}\shell\open\command" "" '"$INSTDIR\${PROGRAM}" "%1"'
  !insertmacro ForEachSuffix Enter
  !insertmacro ForEachOwn Own
  ${RefreshShellIcons}
SectionEnd

Section /o "Desktop shortcut" SectionDesktop
  SetOutPath "$INSTDIR"
  CreateShortcut "$DESKTOP\${NAME}.lnk" "$INSTDIR\${PROGRAM}" "" "$INSTDIR\${PROGRAM}" 0 \
    SW_SHOWNORMAL "" "${SUMMARY}"
SectionEnd

Function .onInit
  ${IfNot} ${RunningX64}
  ${OrIfNot} ${AtLeastWin10}
    MessageBox MB_OK|MB_ICONSTOP "${NAME} requires 64-bit Windows 10 or later." /SD IDOK
    Abort
  ${EndIf}
  ; /DESKTOP on the command line, or an icon from last time.
  ${GetParameters} $0
  ClearErrors
  ${GetOptions} $0 "/DESKTOP" $1
  ${IfNot} ${Errors}
  ${OrIf} ${FileExists} "$DESKTOP\${NAME}.lnk"
    !insertmacro SelectSection ${SectionDesktop}
  ${EndIf}
FunctionEnd

; --- removing ---------------------------------------------------------------------------------

Section "Uninstall"
  SetDetailsPrint textonly
  StrCpy $Folder $INSTDIR
  Call un.WaitUntilClosed
  Call un.RemoveListed
  Call un.RemoveDocuments
  Delete "$SMPROGRAMS\${NAME}.lnk"
  Delete "$DESKTOP\${NAME}.lnk"
  DeleteRegKey HKCU "${APP_PATH_KEY}"
  DeleteRegKey HKCU "${UNINSTALL_KEY}"
  ${un.RefreshShellIcons}
  Delete "$INSTDIR\${LIST}"
  Delete "$INSTDIR\${UNINSTALLER}"
  SetOutPath "$TEMP" ; Windows keeps a folder that somebody works in
  RMDir "$INSTDIR" ; only when nothing of the user's is in it
SectionEnd
