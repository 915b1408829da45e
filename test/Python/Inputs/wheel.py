import quench

print(quench.version(), quench.opt("module {}", "cse"))
