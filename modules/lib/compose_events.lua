-- compose_events: what `docker compose` says on standard error with --progress plain, line by line: what it does to which
-- network, volume, container, image or service, what went wrong, and what it warns of.

local util = use("util")

local events = {}

local DONE = util.set({ "Started", "Healthy", "Exited", "Restarted", "Running", "Created", "Stopped", "Killed", "Removed",
  "Recreated", "Pulled", "Built" })
local WORKING = util.set({ "Creating", "Starting", "Restarting", "Stopping", "Killing", "Removing", "Recreate", "Pulling",
  "Building" })
local LAYER_DONE = util.set({ "Already exists", "Download complete", "Pull complete" })
local LAYER_WORKING = util.set({ "Pulling fs layer", "Waiting", "Downloading", "Verifying Checksum", "Extracting" })
local KINDS = util.set({ "Network", "Image", "Volume", "Container" })
local DRY_RUN = "DRY-RUN MODE -"

local function known(status)
  return DONE[status] or WORKING[status] or status == "Error" or status == "Waiting"
end

-- "Container NAME STATUS"; what is no status is a message.
local function resource(line)
  local kind, id, status = line:match("^(%a+)%s+(%S+)%s+(%S.*)$")
  if not kind or not KINDS[kind] then
    return nil
  end
  local event = { what = kind:lower(), id = id }
  event[known(status) and "status" or "msg"] = status
  return event
end

-- "SERVICE Pulling", "SERVICE Error WHY", "LAYER Downloading [==> ] 1kB/2kB".
local function service(line)
  local id, said = line:match("^(%S+)%s+(%S.*)$")
  if not id then
    return nil
  end
  if said == "Pulling" or said == "Pulled" then
    return { what = "service", id = id, status = said }
  end
  local word, rest = said:match("^(%u%l+)%s*(.*)$")
  if word == "Error" or word == "Warning" or word == "Skipped" then
    rest = word == "Skipped" and rest:gsub("^%-%s*", "") or rest
    return { what = "unknown", id = id, status = word, msg = rest ~= "" and rest or nil }
  end
  local progress = said:gsub("%s*%[[^%]]*%].*$", ""):gsub("%s+[%d.kKmMgGB]+/[%d.kKmMgGB]+$", "")
  if LAYER_DONE[progress] or LAYER_WORKING[progress] then
    return { what = "image-layer", id = id, status = progress }
  end
  return nil
end

-- The message of a line `time="..." level=warning msg="..."`.
local function logged(line)
  if not line:match("^time=") or not line:match(" level=warning ") then
    return nil
  end
  local text = line:match(' msg="(.*)"%s*$') or line:match(" msg=(%S+)")
  return text and text:gsub("\\(.)", "%1")
end

local function last_of(all, id)
  for i = #all, 1, -1 do
    if all[i].id == id then
      return all[i]
    end
  end
  return nil
end

local function add_text(event, text)
  event.msg = event.msg and event.msg .. "\n" .. text or text
end

-- One line that tells of no event: more of an error, an error of its own, or something to warn of.
local function other(c, all, state, line, last)
  local id, more = line:match("^(%S+)%s+%-%s+(%S.*)$")
  local before = id and last_of(all, id)
  if before then
    add_text(before, more)
  elseif state.failed then
    add_text(state.failed, line)
  elseif line:match("^Error ") or last then
    state.failed = { what = "unknown", id = "", status = "Error", msg = line }
    all[#all + 1] = state.failed
  elseif not line:match("^#%d+ ") then
    c:warn("docker compose: " .. line)
  end
end

-- The events of a text.
function events.parse(c, text, failed)
  local all, state, lines = {}, {}, {}
  for _, line in ipairs(util.lines(text)) do
    line = util.trim(line)
    if line:sub(1, #DRY_RUN) == DRY_RUN then
      line = util.trim(line:sub(#DRY_RUN + 1))
    end
    if line ~= "" then
      lines[#lines + 1] = line
    end
  end
  for i, line in ipairs(lines) do
    local built = line:match("^build service%s+(%S+)$")
    local event = built and { what = "service", id = built, status = "Building" } or resource(line) or service(line)
    local warning = not event and logged(line)
    if event and event.status == "Warning" then
      c:warn(event.msg and event.id .. ": " .. event.msg or "Unspecified warning for " .. event.id)
    elseif event then
      all[#all + 1] = event
      state.failed = event.status == "Error" and event or nil
    elseif warning then
      c:warn(warning)
    elseif not line:match("^==>") then
      other(c, all, state, line, #lines == 1 or failed and i == #lines)
    end
  end
  for _, event in ipairs(all) do
    if not event.status and event.msg then
      c:warn("Docker compose: " .. event.what .. " " .. event.id .. ": " .. event.msg)
    end
  end
  return all
end

-- True when something was done; what is `ignored` (a set of states) does not count.
function events.changed(all, ignored)
  for _, event in ipairs(all) do
    if event.what == "image-layer" and LAYER_WORKING[event.status]
      or event.what ~= "image-layer" and WORKING[event.status] and not ignored[event.status] then
      return true
    end
  end
  return false
end

-- What was done, for the result; a layer stands there once for each of its states.
function events.actions(all, to)
  local seen = {}
  for _, event in ipairs(all) do
    local layer = event.what == "image-layer"
    local key = layer and event.id .. " " .. event.status
    if layer and LAYER_WORKING[event.status] and not seen[key] or not layer and WORKING[event.status] then
      seen[key or ""] = true
      to[#to + 1] = { what = event.what, id = event.id, status = event.status }
    end
  end
  return to
end

-- What went wrong, as a text.
function events.error(all, rc)
  local out = {}
  for _, event in ipairs(all) do
    if event.status == "Error" then
      local what = event.what == "unknown" and "" or event.what .. " "
      out[#out + 1] = (event.id == "" and "General error: " or "Error when processing " .. what .. event.id .. ": ")
        .. (event.msg or event.status)
    end
  end
  return #out > 0 and table.concat(out, "\n") or "Return code " .. rc .. " is non-zero"
end

return events
